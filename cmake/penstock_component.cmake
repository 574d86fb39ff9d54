# One target per folder of src/, so that a dependency in the wrong direction does not link, and one static
# library made of all of them, so that a user links one file.

# penstock_component(NAME DIR [SOURCES file...] [EXCLUDE file...] [DEPENDS component...] [LIBRARIES target...])
#
# Adds the static library penstock_<NAME> of the *.cpp in DIR (not in its sub-folders), or of SOURCES only.
# *_test.cpp are set aside for the program unit_tests. A folder without sources is a component of headers only.
function(penstock_component NAME DIR)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "SOURCES;EXCLUDE;DEPENDS;LIBRARIES")
  set(folder ${PROJECT_SOURCE_DIR}/${DIR})
  set(target penstock_${NAME})

  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  if(arg_SOURCES)
    list(TRANSFORM arg_SOURCES PREPEND ${folder}/)
    foreach(source IN LISTS sources)
      if(NOT source IN_LIST arg_SOURCES)
        list(REMOVE_ITEM sources ${source})
      endif()
    endforeach()
    set(tests) # they belong to the component that owns the whole folder
  endif()
  foreach(file IN LISTS arg_EXCLUDE)
    list(REMOVE_ITEM sources ${folder}/${file})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY PENSTOCK_UNIT_TESTS ${tests})

  list(TRANSFORM arg_DEPENDS PREPEND penstock_)
  if(NOT sources)
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE ${arg_DEPENDS})
    return()
  endif()

  add_library(${target} STATIC ${sources})
  # Headers of the library itself are written "base/fd.hpp", from src/; public ones <penstock/loop.hpp>.
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${target} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_LIBRARIES})
  set_property(GLOBAL APPEND PROPERTY PENSTOCK_COMPONENTS ${target})

  # Archives do not complain of what they miss; a program with the whole of this one and its dependencies does.
  # One preset is enough to see it.
  if(PROJECT_IS_TOP_LEVEL AND NOT PENSTOCK_SANITIZE)
    add_executable(${target}_links_alone ${PROJECT_SOURCE_DIR}/cmake/empty_main.cpp)
    target_link_libraries(${target}_links_alone PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,${target}>)
    set_target_properties(${target}_links_alone PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/links_alone)
  endif()
endfunction()

# penstock_combine_components(TARGET): the library that is installed, of the objects of every component.
function(penstock_combine_components TARGET)
  get_property(components GLOBAL PROPERTY PENSTOCK_COMPONENTS)
  if(NOT components)
    message(FATAL_ERROR "there is no source file under src/")
  endif()
  list(TRANSFORM components REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")
  add_library(${TARGET} STATIC ${components})
  add_library(penstock::${TARGET} ALIAS ${TARGET})
  target_include_directories(${TARGET} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${TARGET} PUBLIC cxx_std_23)
endfunction()
